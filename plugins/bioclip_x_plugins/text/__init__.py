"""Text builders."""
