"""What the methods for MySQL and MariaDB share."""
