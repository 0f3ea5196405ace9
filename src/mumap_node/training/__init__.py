"""How models are made; needs the extra ``train`` and is never imported by the node."""
