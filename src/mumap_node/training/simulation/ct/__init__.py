"""Cases with the anatomy of real CTs: a heart and uptake put into them."""
