//! A write-behind journal in a local file.
