<?php

use App\Http\Controllers\AskController;
use Illuminate\Support\Facades\Route;

Route::get('/ask', AskController::class);
