"""Who calls: what a credential is, and the tokens that this server makes and checks."""
