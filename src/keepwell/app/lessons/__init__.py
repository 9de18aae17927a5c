"""Operations on incidents, what they taught, and how right the catalogue is."""
