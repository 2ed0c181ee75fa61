"""What is in the images, as a software bill of materials: packages, their licences, and what is known against them."""
