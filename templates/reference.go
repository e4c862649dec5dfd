package templates

// Reference is the readable form of the OpenAPI document.
type Reference struct {
	Layout
	// Document is the address of the document itself.
	Document string
	Nouns    []ReferenceNoun
}

// ReferenceNoun is the operations on one kind of thing.
type ReferenceNoun struct {
	Name       string
	Operations []ReferenceOperation
}

// ReferenceOperation is one operation, by its name in generated clients.
type ReferenceOperation struct {
	ID, Method, Path, Summary string
	// Scopes is those of which one opens it.
	Scopes []string
	Values []ReferenceValue
}

// ReferenceValue is something that an operation takes.
type ReferenceValue struct {
	// Place is path, query, header or body.
	Name, Place, Type, Words string
	Required                 bool
}

func (Reference) template() string { return "reference" }

// Programmers read English, as the document has it.
func (Reference) language() string { return "en" }
