"""Ranks number series by which moved first and most around an instant; whatever their units."""
