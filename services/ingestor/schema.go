package ingestor

import _ "embed"

// Schema is the JSON schema of the file of sources, for editors and for checks before a deployment.
//
//go:embed sources.schema.json
var Schema []byte
