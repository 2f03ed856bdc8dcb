"""The shipped profiles: `NAME.json`, and a card `NAME.md` that states its data, method and errors."""
