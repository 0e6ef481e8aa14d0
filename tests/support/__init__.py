"""What the tests share: servers, both edges behind one face, builders."""
