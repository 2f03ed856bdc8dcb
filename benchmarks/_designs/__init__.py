"""The parts of `designs`: budgets, winners, what a network looks like, objections to it, and networks beside it."""
