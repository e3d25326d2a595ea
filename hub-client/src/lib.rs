//! Publish, pull, verify and run extractors; train private linear heads on them.
//!
//! The usual way in is [`Hub`]:
//!
//! ```no_run
//! # async fn pictures() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = hub_client::Hub::from_environment()?;
//! let pulled = hub.pull(&"passport-extractor@2".parse()?).await?;
//! let pictures = [std::path::PathBuf::from("scan.jpg")];
//! hub.embed(&pulled.installed, &pictures, |_, row| {
//!     println!("{:?}", row?.features);
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! Heads are trained by [`head::Head::train`] on such features and one's own labels. Below that the modules lie on floors, and
//! import lower ones only:
//!
//! - what is asked of a hub: [`registry`], [`pull`], [`publish`], [`audit`], [`members_say`], [`cosign`], [`consortium`];
//! - what is believed: [`trust`], [`log_view`], [`logged`], [`witness`], [`keys`], [`journal`];
//! - what is kept: [`config`], [`store`], [`lockfile`], [`bundle`], [`import`], [`mirror`], [`files`];
//! - what runs extractors: [`worker`], [`runtime`], [`confine`], [`features`];
//! - what is learnt from features: [`head`], [`explore`], [`choose`], [`dataset`];
//! - what is made for others: [`forge`] (extractors), [`label_app`] (the labelling page), [`serve`] (predictions over HTTP),
//!   [`evaluation_page`], [`contact_sheet`];
//! - what is told to people: [`hint`], [`causes`].

pub mod audit;
pub mod bundle;
pub mod causes;
pub mod choose;
pub mod config;
pub mod confine;
pub mod consortium;
pub mod contact_sheet;
pub mod cosign;
pub mod dataset;
pub mod evaluation_page;
pub mod explore;
pub mod features;
pub mod files;
pub mod forge;
pub mod head;
pub mod hint;
mod hub;
pub mod import;
pub mod journal;
pub mod keys;
pub mod label_app;
mod listening;
pub mod lockfile;
pub mod log_view;
pub mod logged;
pub mod members_say;
pub mod mirror;
pub mod publish;
pub mod pull;
pub mod registry;
pub mod runtime;
pub mod serve;
pub mod store;
pub mod trust;
pub mod witness;
pub mod worker;

pub use hub::{Hub, HubError};
