//! One way a record's request can have been.

/// What the record lacks, in one way it can have been.
#[derive(Clone, Debug)]
pub(in crate::decide::replay) struct Completion {
    /// Whether the token is for the resource.
    pub(in crate::decide::replay) audience: bool,
    /// Whether a `no:` scope cannot be understood.
    pub(in crate::decide::replay) bad_scope: bool,
    /// Whether the token's scopes subtract what is asked.
    pub(in crate::decide::replay) subtracts: bool,
    /// Whether they cover it.
    pub(in crate::decide::replay) reaches: bool,
    /// The groups that some policy's `subjects` name; `None` where they are withheld.
    pub(in crate::decide::replay) groups: Option<Vec<String>>,
    /// Whether a look-up failed.
    pub(in crate::decide::replay) missed: bool,
    /// Whether the answer was held, so that nothing can be tagged any more.
    pub(in crate::decide::replay) held: bool,
}

impl Completion {
    /// Nothing stands in the way before the rules are asked.
    pub(in crate::decide::replay) const GOOD: Self = Self {
        audience: true,
        bad_scope: false,
        subtracts: false,
        reaches: true,
        groups: None,
        missed: false,
        held: false,
    };
}
