"""Parts of both web servers, the viewer and the service: who may ask, and where they listen."""
