//! What an author is told.

use super::*;

const NAMES: &str = "names, literals, `==`, `!=`, `<`, `<=`, `>`, `>=`, `&&`, `||`, `!`, `in`, \
    `startsWith`, `endsWith`, `contains`, `exists`, `all`, `has` or `timestamp`";

fn told(text: &str) -> Vec<String> {
    let errors = try_compile(text).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(told(text), [expected.replace("NAMES", NAMES)], "{text}");
    }
}

#[test]
fn every_error_is_told_at_once_and_only_once() {
    assert_eq!(
        told("subject.id == 1 && (resorce.id == 'a' || args.x) && subject.id == 1"),
        [
            "`subject.id == 1` compares string with int; expected two values of one type",
            "unknown name `resorce` (did you mean `resource`?); expected `action`, `actor`, \
             `args`, `request`, `resource` or `subject`",
            "`args.x` is dyn, and may not be a bool; expected a comparison, such as \
             `args.x == true`",
        ]
    );
    assert_eq!(
        told("a ? b : 1 + 2 == 3u"),
        [
            format!("the conditional `?:` is not supported in conditions; expected {NAMES}"),
            format!("arithmetic is not supported in conditions; expected {NAMES}"),
            format!("an unsigned literal is not supported in conditions; expected {NAMES}"),
        ]
    );
    assert_eq!(
        told("size(args) == 1 || subject.id.matches('a.*') || args.map(x, x) == []"),
        [
            format!("`size` is not a function of conditions; expected {NAMES}"),
            format!("`matches` is not a function of conditions; expected {NAMES}"),
            format!(
                "a fold other than `exists` and `all` is not supported in conditions; \
                 expected {NAMES}"
            ),
        ]
    );
}

#[test]
fn a_misspelt_name_is_told_with_what_was_meant() {
    check(&[
        (
            "subject.tenent == 'a'",
            "unknown name `subject.tenent` (did you mean `subject.tenant`?); expected \
             `subject.admin`, `subject.groups`, `subject.id`, `subject.issuer`, `subject.level`, \
             `subject.profile`, `subject.realm`, `subject.scopes` or `subject.tenant`; more can \
             be declared under `claims` of the issuer",
        ),
        (
            "resource.color == 'a'",
            "unknown name `resource.color`; expected `resource.amount`, `resource.created`, \
             `resource.id`, `resource.labels`, `resource.meta`, `resource.owner`, \
             `resource.price`, `resource.public`, `resource.scores`, `resource.tenant` or \
             `resource.type`; more can be declared under `attributes` of the resource",
        ),
        (
            "request.methods == 'GET'",
            "unknown name `request.methods` (did you mean `request.method`?); expected \
             `request.host`, `request.method`, `request.path` or `request.time`",
        ),
        (
            "user.id == 'a'",
            "unknown name `user`; expected `action`, `actor`, `args`, `request`, `resource` or \
             `subject`",
        ),
        (
            "actor == 'a'",
            "`actor` is no value by itself; expected `actor.chain`, `actor.id`, `actor.issuer` \
             or `actor.mode`",
        ),
        (
            "actor[0] == 'a'",
            "`actor` is no value by itself; expected `actor.chain`, `actor.id`, `actor.issuer` \
             or `actor.mode`",
        ),
        (
            ".subject.id == 'a'",
            "unknown name `.subject` (did you mean `subject`?); expected `action`, `actor`, \
             `args`, `request`, `resource` or `subject`",
        ),
    ]);
}

#[test]
fn types_that_do_not_fit_are_told() {
    check(&[
        (
            "subject.groups == 'a'",
            "`subject.groups == \"a\"` compares [string] with string; expected two values of one \
             type, or `\"a\" in subject.groups`",
        ),
        (
            "'a' != subject.groups",
            "`\"a\" != subject.groups` compares string with [string]; expected two values of one \
             type, or `\"a\" in subject.groups`",
        ),
        (
            "subject.level == '3'",
            "`subject.level == \"3\"` compares int with string; expected two values of one type",
        ),
        (
            "resource.labels == resource.scores",
            "`resource.labels == resource.scores` compares [string] with [int]; expected two \
             values of one type",
        ),
        (
            "request.time > '2026-11-24T00:00:00Z'",
            "`request.time > \"2026-11-24T00:00:00Z\"` compares timestamp with string; expected \
             two values of one type",
        ),
        (
            "subject.admin < true",
            "`subject.admin` is bool, which has no order for `<`; expected int, double, string \
             or timestamp",
        ),
        (
            "subject.groups >= []",
            "`subject.groups` is [string], which has no order for `>=`; expected int, double, \
             string or timestamp",
        ),
        ("subject.id", "`subject.id` is string; expected a bool"),
        ("!subject.level", "`subject.level` is int; expected a bool"),
        ("'a'", "`\"a\"` is string; expected a bool"),
        ("[true]", "`[true]` is [bool]; expected a bool"),
        ("null", "`null` is no test; expected a bool"),
        (
            "args",
            "`args` is dyn, and may not be a bool; expected a comparison, such as `args == true`",
        ),
        (
            "args.exists(a, a)",
            "`a` is dyn, and may not be a bool; expected a comparison, such as `a == true`",
        ),
        (
            "'a' in subject.id",
            "`subject.id` is string, and `in` looks into lists; expected a list, or \
             `subject.id.contains(\"a\")`",
        ),
        ("1 in 2", "`2` is int, and `in` looks into lists; expected a list"),
        (
            "1 in subject.groups",
            "`1 in subject.groups` looks for int among string; expected a value of the type of \
             the elements",
        ),
        (
            "subject.groups in [args.a]",
            "`subject.groups in [args.a]` looks for [string] among dyn; expected a value of the \
             type of the elements",
        ),
        (
            "subject.id in ['a', 1]",
            "a list holds string and, with `1`, int; expected values of one type",
        ),
        ("['a'] in [['a']]", "`[\"a\"]` is a list inside a list; expected single values"),
        (
            "subject.groups.contains('a')",
            "`contains` is a test of strings, and `subject.groups` is [string]; expected string, \
             or `\"a\" in subject.groups`",
        ),
        (
            "subject.id.startsWith(1)",
            "`startsWith` is a test of strings, and `1` is int; expected string",
        ),
        (
            "subject.id == null",
            "`subject.id` is string, and never `null`; expected a dyn value, or `has(subject.id)`",
        ),
        ("null != 1", "`1` is int, and never `null`; expected a dyn value"),
        ("args.x < null", "`null` has no order for `<`; expected `==` or `!=`"),
        (
            "args.x in [null]",
            "`null` stands where it means nothing; expected `null` only beside `==` or `!=`, \
             with a dyn value",
        ),
        (
            "null == null",
            "`null` stands where it means nothing; expected `null` only beside `==` or `!=`, \
             with a dyn value",
        ),
        (
            "subject.id[1] == 'a'",
            "`subject.id` is string, and has no `[1]`; expected a list or dyn before `[`",
        ),
        (
            "subject.id.name == 'a'",
            "`subject.id` is string, and has no `.name`; expected dyn before `.`",
        ),
        (
            "subject.groups.name == 'a'",
            "`subject.groups` is [string], and has no `.name`; expected dyn before `.`",
        ),
        (
            "subject.groups[0][1] == 'a'",
            "`subject.groups[0]` is string, and has no `[1]`; expected a list or dyn before `[`",
        ),
        ("'a'.b == 1", "`\"a\"` has no members; expected a name before `.` or `[`"),
        (
            "args.list[-1] == 1",
            "`args.list[-1]` has no literal index; expected a text or a number that is not \
             negative, such as `args.list[0]`",
        ),
        (
            "args.list[subject.id] == 1",
            "`args.list[subject.id]` has no literal index; expected a text or a number that is \
             not negative, such as `args.list[0]`",
        ),
        (
            "args.list[4294967296] == 1",
            "`args.list[4294967296]` has no literal index; expected a text or a number that is \
             not negative, such as `args.list[0]`",
        ),
    ]);
}

#[test]
fn loops_and_presence_are_checked() {
    check(&[
        ("subject.id.exists(c, c == 'a')", "`subject.id` is string; expected a list"),
        (
            "subject.groups.exists(subject, subject == 'a')",
            "the loop variable `subject` hides another name; expected a name of its own",
        ),
        (
            "subject.groups.exists(g, actor.chain.all(g, g == 'a'))",
            "the loop variable `g` hides another name; expected a name of its own",
        ),
        (
            "subject.groups.exists(g, g == 1)",
            "`g == 1` compares string with int; expected two values of one type",
        ),
        (
            "subject.groups.exists(g, true) && g == 'a'",
            "unknown name `g`; expected `action`, `actor`, `args`, `request`, `resource` or \
             `subject`",
        ),
        (
            "subject.groups.exists(1, true)",
            "the condition cannot be read from `1, true)`; expected a loop variable, such as \
             `exists(label, label == \"public\")`",
        ),
        ("subject.groups.exists(g)", "`exists` is not a function of conditions; expected NAMES"),
        (
            "has(subject)",
            "the condition cannot be read from `subject)`; expected a member, such as \
             `has(subject.tenant)`",
        ),
        ("has('a'.b)", "`\"a\"` has no members; expected a name before `.` or `[`"),
    ]);
}

#[test]
fn values_a_fact_never_has_are_told() {
    check(&[
        (
            "action == 'raed'",
            "`action` is never `\"raed\"`; expected `\"read\"`, `\"write\"`, \
          `\"delete\"` or `\"admin\"`",
        ),
        (
            "action in ['read', 'list']",
            "`action` is never `\"list\"`; expected `\"read\"`, \
          `\"write\"`, `\"delete\"` or `\"admin\"`",
        ),
        (
            "'user' != actor.mode",
            "`actor.mode` is never `\"user\"`; expected `\"delegated\"` or \
          `\"independent\"`",
        ),
        (
            "request.time > timestamp('yesterday')",
            "`timestamp(\"yesterday\")` is no instant; expected RFC 3339 with an offset, such as \
             `2026-11-24T09:30:00Z`",
        ),
        (
            "request.time > timestamp(subject.id)",
            "`timestamp(subject.id)` is not of a literal; expected text as in RFC 3339, such as \
             `timestamp(\"2026-11-24T09:30:00Z\")`",
        ),
    ]);
}

#[test]
fn what_is_no_condition_is_told_with_its_place() {
    check(&[
        (
            "",
            "the condition is empty; expected a test, such as \
          `resource.tenant == subject.tenant`",
        ),
        (
            " // nothing",
            "the condition is empty; expected a test, such as \
          `resource.tenant == subject.tenant`",
        ),
        (
            "subject.id ==",
            "the condition ends too early; expected a name, a literal, `!`, `(` or \
          `[`",
        ),
        ("(true", "the condition ends too early; expected `)`"),
        ("1 in [1", "the condition ends too early; expected `]`"),
        ("true)", "the condition cannot be read from `)`; expected an operator, or the end"),
        (
            "true\n  true",
            "the condition cannot be read from `true`; expected an operator, or the \
          end",
        ),
        (
            "subject..id == 'a'",
            "the condition cannot be read from `.id == 'a'`; expected a name \
          after `.`",
        ),
        ("'abc", "the condition cannot be read from `'abc`; expected a closing quote"),
        (
            "'\\q' == 'a'",
            "the condition cannot be read from `'\\q' == 'a'`; expected a string \
          with the escapes of CEL",
        ),
        ("true & false", "the condition cannot be read from `& false`; expected `&&`"),
        ("true | false", "the condition cannot be read from `| false`; expected `||`"),
        ("subject.id = 'a'", "`=` is not an operator; expected `==`"),
        ("résumé == 1", "the condition cannot be read from `ésumé == 1`; expected NAMES"),
        (
            "99999999999999999999 == 1",
            "the condition cannot be read from \
          `99999999999999999999 == …`; expected a number that an int or a double holds",
        ),
        ("{'a': 1} == args", "`{}` is not supported in conditions; expected NAMES"),
        (
            "for == 1",
            "the condition cannot be read from `for == 1`; expected another name: this \
          one is reserved",
        ),
        ("-subject.level == 1", "arithmetic is not supported in conditions; expected NAMES"),
        ("subject.level -1 == 1", "arithmetic is not supported in conditions; expected NAMES"),
        ("b'a' == args", "a bytes literal is not supported in conditions; expected NAMES"),
        ("args.`a` == 1", "a name in backticks is not supported in conditions; expected NAMES"),
    ]);
}

#[test]
fn a_name_that_is_declared_twice_is_refused() {
    let attribute = |value_type, number| ("size".to_owned(), value_type, number);
    let attributes = [attribute(ValueType::Int, 1), attribute(ValueType::String, 2)];
    let declarations = Declarations { claims: &[], attributes: &attributes };
    let errors = compile("resource.size == 1", &declarations).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "`resource.size` is declared twice; expected one declaration"
    );
}

#[test]
fn a_declared_name_never_takes_the_place_of_a_fixed_one() {
    let claims = [("id".to_owned(), ValueType::Int)];
    let declarations = Declarations { claims: &claims, attributes: &[] };
    let condition = compile("subject.id == 'a'", &declarations).unwrap();
    assert_eq!(condition.slots(), [Slot::SubjectId]);
}
