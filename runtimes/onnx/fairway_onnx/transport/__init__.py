"""HTTP/1.1 by uvicorn. Replaceable as a whole: nothing outside this folder knows ASGI or uvicorn."""
