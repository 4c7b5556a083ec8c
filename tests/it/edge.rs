//! The public listener, over real sockets.

mod bad;
mod clicks;
mod house;
mod limits;
mod pixels;
