"""Names of taxa: parsing scientific names, comparing them, finding taxa by them."""
