//! What mail servers, webmails and portals tell of people: by hand, as captured from real servers, and by real servers
//! that run on the configurations of `config/integrations`.

mod captured;
mod dovecot;
mod integrations;
mod posted;
mod roundcube;
mod servers;
