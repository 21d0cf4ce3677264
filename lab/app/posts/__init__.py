"""What people share: posts with images, and cards."""
