//! stub
pub fn text(_: &super::Report) -> String {
    String::new()
}
