"""Tags of the repairs in an answer, and what each one means: the closed sets that metrics count by.

The code that repairs adds the tag; these tables explain it. A test compares them with the sources.
"""

from __future__ import annotations

COERCIONS: dict[str, str] = {
    "string_to_integer": "a string became the integer that it writes",
    "string_to_number": "a string became the number that it writes",
    "string_to_boolean": "a string became true or false",
    "string_to_null": "a string that says null became null",
    "number_to_string": "a number became text",
    "number_to_boolean": "0 or 1 became false or true",
    "boolean_to_string": "true or false became text",
    "null_to_string": "null became an option that says so in text",
    "scalar_to_array": "a value became the only item of an array",
    "json_string_to_object": "a string that holds an object became the object",
    "json_string_to_array": "a string that holds an array became the array",
    "comma_separated": "text between commas became the items of an array",
    "newline_separated": "the lines of a text became the items of an array",
    "bare_words": "words without quotes in brackets became the strings of an array",
    "wrapper_to_array": "an object around the items gave way to the array",
    "numeric_keys_to_array": "an object with the keys 0, 1, 2 … became an array",
    "empty_to_array": "no text became an array without items",
    "empty_to_object": "no text became an object without members",
    "elements": "XML elements became an object or an array",
    "enum_case": "an option was written with another case, spacing or separator",
    "enum_quotes": "an option stood in additional quotes",
    "key_case": "a key was written with another case or separator",
    "extra_dropped": "a member that the schema forbids was left out",
    "null_dropped": "an optional member that was null was left out",
}
"""Tags of values that were changed to fit the tool's schema."""

REPAIRS: dict[str, str] = {
    # The text of JSON and of other literals.
    "trailing_comma": "a comma stood before a closing bracket",
    "single_quotes": "strings stood in other quotes",
    "unquoted_key": "a key stood without quotes",
    "unquoted_string": "a string stood without its delimiters",
    "unescaped_newline": "a control character in a string was not escaped",
    "unescaped_quote": "a quote in a string was not escaped",
    "escaped_quotes": "every quote of a JSON value was escaped",
    "invalid_escape": "an escape that there is not stood in a string",
    "python_literal": "the value was written in Python's way",
    "number_form": "a number was written in a form that JSON does not have",
    "comment": "there were comments",
    "code_fence": "the value stood in a code fence",
    "stray_text": "text stood beside the value",
    "duplicate_key": "an object had the same key twice",
    "repeated_key": "several parameters of one name became an array",
    # The form of a call.
    "missing_close": "a closing marker or bracket was missing or another one",
    "unclosed": "brackets were missing at the end",
    "unwrapped": "one parameter held all the others",
    "positional": "arguments had no names",
    "yaml_body": "the arguments were YAML",
    "bare_json": "the call stood there without any markers",
    "name_special": "special tokens stuck to a tool's name",
    "name_space": "white space stood around a tool's name",
    "name_prefix": "a tool's name had the prefix of a namespace",
    "name_suffix": "a tool's name had a number behind it",
    "name_case": "a tool's name was written with another case or punctuation",
    # Calls that are none, and what was left out.
    "leaked_markup": "a native answer held markup in its text",
    "cut": "a call was cut, and left out",
    "bad_literal": "a call could not be read, and was left out",
    "bad_element": "an element could not be read, and its call was left out",
    "lost_text": "text in a call belonged to none of its arguments, and the call was left out",
    "bad_json": "a call could not be read as JSON, and was left out",
    "too_large": "a call was too large, and was left out",
    "bad_call_dropped": "a bad call behind a good one was left out",
    "parallel_call_dropped": "a second call was left out where only one may come",
    "call_under_none": "a call was left out where none may come",
    "no_call": "the model's own way to say that no tool fits was left out",
    "text_after_call": "text behind calls was left out",
}
"""Tags of text that was not written as it should be."""
