//! STUB
use crate::decision::Reason;
use crate::policy::Policy;
#[derive(Debug, Default)]
pub(super) struct Asked { pub(super) method: String, pub(super) host: String, pub(super) path: String, pub(super) query: Option<String>, pub(super) peer: Vec<String>, pub(super) presented: Option<Result<String, Reason>>, pub(super) encoded_body: bool, pub(super) form: bool, pub(super) names: Vec<String>, pub(super) forged: Vec<String>, pub(super) path_changed: bool, pub(super) origin: Option<String>, pub(super) requested_method: Option<String> }
impl Asked { pub(super) fn read(_h: &[super::Header<'_>], _p: &[String], _po: &Policy) -> Result<Self, (Box<Self>, Reason)> { Err((Default::default(), Reason::HostFailure)) } pub(super) fn target(&self) -> String { String::new() } }
