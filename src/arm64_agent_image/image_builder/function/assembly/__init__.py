"""Makes a new image from the previous one when only files of its trailing COPY instructions have changed."""
