"""A server of saved models, as TensorFlow Serving answers: REST, gRPC, and a page."""
