"""Programs that measure what README claims: `python -m benchmarks` lists them, `python -m benchmarks NAME` runs one."""
