// Package output prints what the commands answer: one path, two forms. A command
// describes its answer as a struct with json tags; the JSON document and the
// table both come from it, so neither can say more than the other.
//
// The keys of the documents are snake_case and stable: other people's scripts
// read them. In a table, and in every error, characters that steer a terminal
// are shown and not obeyed, because names are chosen by strangers.
//
// It refuses to know the nouns. It may be imported by cmd alone.
package output
