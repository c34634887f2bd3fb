"""What is wrong with the traffic: one file for each way to find one thing.

A new detection is a file here with a class that keeps to `collectors.network.model.Detector`, its
thresholds in `settings`, a line in `registry`, and a test that says first what must stay quiet.
"""
