"""`bioclip-x sort`: image files into folders by name, and keywords in sidecar files, from any file of results."""
