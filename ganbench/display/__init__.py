"""What people see: text, progress and pictures."""
