"""The embedded text-to-image model: its pictures, its training, its export."""
