package storage

// AuthorizationDetail is one element of authorization_details (RFC 9396 §2): the
// members of a JSON object, of which "type" says what the others mean.
type AuthorizationDetail map[string]any

// Type is the member by which a resource server knows the rest.
func (d AuthorizationDetail) Type() string {
	name, _ := d["type"].(string)
	return name
}

// DetailType is a type of authorization details that a resource server understands.
type DetailType struct {
	// Name is the value of type; no two resource servers share one.
	Name string `json:"type"`
	// Title is what people are shown; "" for the name.
	Title string `json:"title,omitempty"`
	// Fields are all members that there may be beside type.
	Fields []DetailField `json:"fields"`
}

// DetailField is what a member of authorization details may hold.
type DetailField struct {
	Name string `json:"name"`
	// Kind is "string", "strings" (a list without repetitions), "number", "boolean",
	// "object" or "objects" (a list of them).
	Kind     string `json:"kind"`
	Required bool   `json:"required,omitempty"`
	// Values are all that a string, or an element of strings, may be; nil for any.
	Values []string `json:"values,omitempty"`
	// Fields are all members of an object, or of each of objects; nil for other kinds.
	Fields []DetailField `json:"fields,omitempty"`
}
