//! Ambit beside other policy engines: the same policies and questions in each one's language, the same
//! answers from all, and how long each takes.
//!
//! The policy is small in kind and large in number: rule number i lets an agent read records of type i
//! whose tenant is the user's own. Everything else is denied. What an engine offers to find the one
//! rule that matters is used, and each also runs with an index made by hand around it.

mod own;
mod question;

pub use own::Ambit;
pub use question::{Question, questions};

/// An engine with a policy in it.
pub trait Engine {
    /// A question as the engine takes it.
    type Input;

    /// Makes the engine's own input of a question.
    fn prepare(&self, question: &Question) -> Self::Input;

    /// Whether the request may pass.
    fn decide(&self, input: &Self::Input) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambit_answers_every_question_as_the_policy_says() {
        for rules in [1, 10, 300] {
            let ambit = Ambit::load(rules).unwrap();
            let questions = questions(rules, 200);
            for question in &questions {
                let decided = ambit.decide(&ambit.prepare(question));
                assert_eq!(decided, question.answer(rules), "{question:?}");
                let told = Question::from_bytes(&question.to_bytes()).unwrap();
                assert_eq!(&told, question);
            }
            let allowed = questions.iter().filter(|question| question.answer(rules)).count();
            assert!((60..140).contains(&allowed), "{allowed} of 200");
        }
    }
}
