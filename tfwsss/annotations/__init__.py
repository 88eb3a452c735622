"""Formats of annotation tools, in and out: functions of arrays, texts and parsed documents."""
