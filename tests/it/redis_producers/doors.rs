//! The gateway's side of the stream: the API's own counter behind it.
