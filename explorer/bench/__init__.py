"""Pieces of the pages Runs and Leaderboard."""
