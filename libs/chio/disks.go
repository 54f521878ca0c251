package chio

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Disk is a disk of the store.
type Disk struct {
	Name        string
	Free, Total uint64 // bytes
}

// Disks returns the disks of the store's server, sorted by name. Those without an end, as object storage, are left out.
func (s *Store) Disks(ctx context.Context) ([]Disk, error) {
	const query = `SELECT name, toUInt64(unreserved_space), toUInt64(total_space) FROM system.disks WHERE total_space < exp2(62) ORDER BY name`
	var out []Disk
	err := s.each(ctx, query, nil, func(rows driver.Rows) error {
		var d Disk
		err := rows.Scan(&d.Name, &d.Free, &d.Total)
		out = append(out, d)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("disks: %w", err)
	}
	return out, nil
}
