"""A quick, complete list of questions to engines with yes and no for answers; two of them beside each other."""
