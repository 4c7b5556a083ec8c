//! The public listener, over real sockets.

mod bad;
mod beacons;
mod chromium;
mod clicks;
mod house;
mod introductions;
mod limits;
mod partners;
mod pixels;
mod proxies;
mod script;
mod unsubscribing;
