package check

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// snapshotVersion is the layout of State that this code writes. A change of State needs a new one.
const snapshotVersion = 1

// ErrSnapshot is returned for bytes that are no snapshot of this version. The memory is then learned from the record.
var ErrSnapshot = errors.New("check: not a snapshot of this version")

// MarshalBinary returns the state in fixed size, some 4 KB: a version byte and the fields, little-endian.
func (m *Memory) MarshalBinary() ([]byte, error) {
	b, err := binary.Append([]byte{snapshotVersion}, binary.LittleEndian, &m.State)
	if err != nil {
		return nil, fmt.Errorf("check: snapshot: %w", err)
	}
	return b, nil
}

// UnmarshalBinary restores the state. Step and zone stay as they are. On an error nothing has changed.
func (m *Memory) UnmarshalBinary(b []byte) error {
	var s State
	if len(b) != 1+binary.Size(&s) || b[0] != snapshotVersion {
		return ErrSnapshot
	}
	if _, err := binary.Decode(b[1:], binary.LittleEndian, &s); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	m.State = s
	return nil
}
