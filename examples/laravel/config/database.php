<?php

// No charset, search_path or timezone: Laravel sends a SET for each, which keeps a connection from being shared behind
// the edge. Give them to the role instead: ALTER ROLE app IN DATABASE store SET statement_timeout = '30s';
return [
    'default' => 'pgsql',
    'connections' => [
        'pgsql' => [
            'driver' => 'pgsql',
            'url' => env('DATABASE_URL'),
            'prefix' => '',
        ],
    ],
];
