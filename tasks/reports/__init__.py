"""Reports: pure builders turn records into a Form; a renderer turns the Form into HTML and Word."""
