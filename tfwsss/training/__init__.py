"""What trainings share: settings of a fit, optimisers, schedules, TensorBoard, progress."""
