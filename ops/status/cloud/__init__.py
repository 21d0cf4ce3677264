"""What the cloud says of a stack, held against its state: a name in the cloud or an id in the state alone can lie."""
