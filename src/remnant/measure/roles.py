"""Who a patient is for a model that is asked for its members; a module of its own, so that naming it imports no statistics."""

# Who trained the model, who did not, and those whose role is another (the attacker's, the validation's).
MEMBER, NON_MEMBER, OTHER = 1, -1, 0
