"""What leaves Unclose: events to subscribers and messages to people, from one outbox, each once by its id."""
