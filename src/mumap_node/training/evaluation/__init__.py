"""How good a model is: its maps against the truth, and what they do to the corrected heart."""
