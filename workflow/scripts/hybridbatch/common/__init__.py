"""What every stage shares: errors, atomic files, programs, devices, language codes."""
