"""What scripts/bench measures: one module per benchmark, and the test bed they run on."""
