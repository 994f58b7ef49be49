//! Questions, the same for every engine.

/// May this person's agent do this to that record?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who the agent acts for.
    pub subject: String,
    /// That person's tenant.
    pub tenant: String,
    /// The action: `read` or `delete`.
    pub action: String,
    /// The number of the record's type; the one behind the last has no rule.
    pub kind: u32,
    /// The record's id.
    pub id: String,
    /// The record's tenant.
    pub owner: String,
}

impl Question {
    /// The name of a type.
    #[must_use]
    pub fn type_name(kind: u32) -> String {
        format!("T{kind:05}")
    }

    /// What the policy of so many rules says, without any engine.
    #[must_use]
    pub fn answer(&self, rules: u32) -> bool {
        self.action == "read" && self.kind < rules && self.tenant == self.owner
    }

    /// As it crosses into a guest: the type's number, then each text behind its length.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let texts = [&self.subject, &self.tenant, &self.action, &self.id, &self.owner];
        let mut bytes = self.kind.to_le_bytes().to_vec();
        for text in texts {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// Reads what [`Question::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first_chunk::<4>()?;
        let mut next = || {
            let (length, tail) = rest.split_first_chunk::<4>()?;
            let (text, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = tail;
            Some(std::str::from_utf8(text).ok()?.to_owned())
        };
        Some(Self {
            subject: next()?,
            tenant: next()?,
            action: next()?,
            kind: u32::from_le_bytes(*kind),
            id: next()?,
            owner: next()?,
        })
    }
}

/// So many questions to a policy of so many rules, the same in every run: about half are allowed, and
/// the others are of another tenant, of another action, or of a type without a rule.
#[must_use]
pub fn questions(rules: u32, count: usize) -> Vec<Question> {
    // Marsaglia's xorshift.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: u32| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        ((seed >> 33) as u32).checked_rem(end).unwrap_or_default()
    };
    let question = |_| {
        let tenant = format!("tenant-{}", below(50));
        let other = format!("tenant-{}", 50_u32.saturating_add(below(50)));
        let case = below(20);
        Question {
            subject: format!("user-{}", below(1000)),
            owner: if case < 6 { other } else { tenant.clone() },
            tenant,
            action: if (6..9).contains(&case) { "delete" } else { "read" }.to_owned(),
            kind: if case == 9 { rules } else { below(rules) },
            id: format!("record-{}", below(1_000_000)),
        }
    };
    (0..count).map(question).collect()
}
