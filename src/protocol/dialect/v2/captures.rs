//! Captures of real servers, for tests.
