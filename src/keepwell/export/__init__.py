"""What leaves keepwell: pages for Prometheus, dashboards, rules and tables, all from the declarations."""
