"""The names of the files in the folder of a search for programs; `running.py` and `from_tables.py` say what they are."""

HEAD, GENERATIONS, RESULT, BEST = "discovery.json", "generations.jsonl", "result.json", "best.toml"
TASKS, STATISTICS = "tasks.json", "statistics"
